"""A 720p30 camera over HTTP on loopback, in a process of its own: the bundled clip, encoded once, sent at its pace."""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2

FPS = 30
WIDTH, HEIGHT = 1280, 720


def frames(path: str) -> list[bytes]:
    """Every frame of the clip, scaled to 720p with black beside it, as JPEG."""
    capture = cv2.VideoCapture(path)
    encoded: list[bytes] = []
    while True:
        ok, picture = capture.read()
        if not ok:
            return encoded
        inner = cv2.resize(picture, (picture.shape[1] * HEIGHT // picture.shape[0], HEIGHT))
        side = WIDTH - inner.shape[1]
        framed = cv2.copyMakeBorder(inner, 0, 0, side // 2, side - side // 2, cv2.BORDER_CONSTANT)
        encoded.append(cv2.imencode(".jpg", framed, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def serve(path: str) -> None:
    """Print the port, then serve until killed."""
    encoded = frames(path)

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            begin, k = time.monotonic(), 0
            try:
                while True:
                    jpeg = encoded[k % len(encoded)]
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                    k += 1
                    time.sleep(max(0.0, begin + k / FPS - time.monotonic()))
            except (BrokenPipeError, ConnectionResetError):
                return

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1])
