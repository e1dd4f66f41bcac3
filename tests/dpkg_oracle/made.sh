# Builds in the folder $1 small packages that meet each other in every way that dpkg knows.
set -euo pipefail
cd "$1"
begin() { # NAME VERSION ARCHITECTURE MORE-FIELDS
    mkdir -p "$1_$2/DEBIAN"
    printf 'Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: Nobody <nobody@example.org>\nDescription: made\n for a test\n%b' "$1" "$2" "$3" "$4" \
        > "$1_$2/DEBIAN/control"
    cd "$1_$2"
}
end() {
    cd ..
    find "$1_$2" -exec touch --no-dereference --date='2020-02-02 02:02:02 UTC' {} +
    dpkg-deb --root-owner-group --uniform-compression -Zgzip -z1 --build "$1_$2" . > "$1_$2.log"
    rm -r "$1_$2"
}
files() { for path; do mkdir -p "$(dirname "$path")"; echo "$path $RANDOM_WORD" > "$path"; done; }
script() { printf '#!/bin/sh\nexit 0\n' > "DEBIAN/$1"; chmod 755 "DEBIAN/$1"; }
RANDOM_WORD=first
ARCHITECTURE=$(dpkg --print-architecture)
[ $# -lt 2 ] || ARCHITECTURE=$2

# Fields in another order and spelling, relations without blanks, and all that an upgrade changes.
begin made-changes 1.0 "$ARCHITECTURE" 'X-Own:  two  words\nDepends: libc6(>=2.0),  perl:any|perl-base(<<9)\nSection: misc\nmulti-arch: foreign\nInstalled-size: 12\nX-More: b\n c\nHomepage: https://example.org/\n'
files etc/made/{same,changed,edited,deleted,obsolete,obsolete-edited,removed-on-upgrade}
(cd etc/made; ls | sed 's,^,/etc/made/,') > DEBIAN/conffiles
files usr/share/made/{stays,old/file,sub/file,override,moved,was-file} usr/bin/made-tool
ln usr/share/made/stays usr/share/made/hard
ln -s stays usr/share/made/soft
ln -s sub usr/share/made/link-then-folder
mkdir usr/share/made/folder-then-link usr/share/made/was-folder
mkdir -m 1777 usr/share/made/sticky
mkfifo usr/share/made/fifo
mknod usr/share/made/device c 1 3
chmod 4755 usr/bin/made-tool
printf 'interest-noawait /usr/share/made-watched\ninterest made-explicit\nactivate-noawait ldconfig\n' > DEBIAN/triggers
script postinst
script postrm
end made-changes 1.0

RANDOM_WORD=second
begin made-changes 2.0 "$ARCHITECTURE" 'X-Own:  two  words\nDepends: libc6(>=2.0),  perl:any|perl-base(<<9)\nSection: misc\nmulti-arch: foreign\nInstalled-size: 13\n'
files etc/made/{changed,edited,deleted,new}
RANDOM_WORD=first files etc/made/same
(cd etc/made; ls | sed 's,^,/etc/made/,'; echo remove-on-upgrade /etc/made/removed-on-upgrade) > DEBIAN/conffiles
files usr/share/made/{stays,sub/file,override,new/file} usr/bin/made-tool
ln usr/share/made/stays usr/share/made/harder
ln -s stays usr/share/made/soft
mkdir usr/share/made/link-then-folder usr/share/made/was-file
ln -s sub usr/share/made/folder-then-link
mkdir -m 1777 usr/share/made/sticky
chmod 700 usr/share/made/sub
printf 'interest-noawait /usr/share/made-watched\ninterest made-other\n' > DEBIAN/triggers
script prerm
end made-changes 2.0

# Takes a file over; wakes triggers of every kind; has files that the tree keeps out; brings a wrong md5sums and a member nobody knows.
begin made-takes 1.0 all 'Replaces: made-changes\nDepends: made-changes\nSource: made (0.9)\n'
files usr/share/made/moved usr/share/made-watched/file usr/share/{xml,glib-2.0/schemas,dbus-1/system-services}/made usr/lib/systemd/catalog/made lib/udev/hwdb.d/made etc/sgml/made
files usr/share/{man/man1/made.1,doc/made-takes/copyright,doc/made-takes/changelog,doc/made-takes/examples/one,locale/xx/LC_MESSAGES/made.mo}
ln -s copyright usr/share/doc/made-takes/link
ln -s made.1 usr/share/man/man1/link.1
echo /etc/sgml/made > DEBIAN/conffiles
printf 'activate made-explicit\nactivate-noawait made-other\nactivate nobody-waits\nactivate update-initramfs\n' > DEBIAN/triggers
echo 'abc  usr/share/whatever' > DEBIAN/md5sums
echo libmade > DEBIAN/shlibs
echo member > DEBIAN/unknown
script preinst
end made-takes 1.0

# One package that has nothing more when the other has come.
begin made-vanishes 1.0 all ''
files usr/share/made-vanishes/file
script postrm
end made-vanishes 1.0
begin made-replaces 1.0 all 'Replaces: made-vanishes\nConflicts: made-nothing (<< 1)\n'
files usr/share/made-vanishes/file
end made-replaces 1.0

# Shared by architectures, by their old places; other owners; names in many forms.
begin made-same 1.0 "$ARCHITECTURE" 'Multi-Arch: same\nPriority: optional\n'
files usr/share/made-same/file etc/made-same.conf lib/made-same/file sbin/made-same bin/made-same
echo /etc/made-same.conf > DEBIAN/conffiles
printf 'interest /usr/share/made-same-watched\ninterest-noawait made-same-explicit\nactivate ldconfig\n' > DEBIAN/triggers
end made-same 1.0
RANDOM_WORD=second
begin made-same 1.1 "$ARCHITECTURE" 'Multi-Arch: same\nPriority: optional\n'
files usr/share/made-same/file etc/made-same.conf lib/made-same/file sbin/made-same
files "usr/share/made-same/with blank" "usr/share/made-same/ünïcode" "usr/share/made-same/$(printf 'x%.0s' {1..200})"
echo /etc/made-same.conf > DEBIAN/conffiles
printf 'interest /usr/share/made-same-watched\ninterest-noawait made-same-explicit\nactivate ldconfig\n' > DEBIAN/triggers
end made-same 1.1

# Nothing but a trigger.
begin made-empty 1.0 all ''
echo 'activate update-initramfs' > DEBIAN/triggers
end made-empty 1.0
begin made-empty 2.0 all ''
echo 'activate update-initramfs' > DEBIAN/triggers
files usr/share/made-same-watched/file
end made-empty 2.0
