"""Stands in for Apache with the site of the image: 503 until the file that marks the volume is there."""

from http.server import BaseHTTPRequestHandler, HTTPServer


class Site(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            with open("/mnt/www/.ready", "rb") as marker:
                status, body = 200, marker.read()
        except OSError:
            status, body = 503, b"not mounted\n"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)


HTTPServer(("127.0.0.1", 80), Site).serve_forever()
