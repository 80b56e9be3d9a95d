"""An endpoint on this machine that speaks the chat-completions protocol, well or badly, as told."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def completion(text, top=None, **more):
    """An answer of the protocol; ``top``: the first token's alternatives with their log-probabilities."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}
    if top is not None:
        told = [{"token": token, "logprob": chance} for token, chance in top.items()]
        choice["logprobs"] = {"content": [{**told[0], "top_logprobs": told}]}
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice],
        "usage": {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100},
    }  # fmt: skip


class Endpoint:
    """A server as a context; it stops at the context's end.

    Args:
        reply: from the number of the request, from 0, and its body to an answer (a dict), or to
            (status, headers, bytes); after ``delay`` seconds. A body that is cut off has its
            ``Content-Length`` among the headers.
    """

    def __init__(self, reply, delay=None):
        self.reply, self.delay = reply, delay
        self.requests, self.headers, self.times = [], [], []
        self.active = self.most_active = 0
        lock = threading.Lock()
        self.over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *given):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    number = len(outer.requests)
                    outer.requests.append(body)
                    outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                    outer.times.append(time.monotonic())
                    outer.active += 1
                    outer.most_active = max(outer.active, outer.most_active)
                try:
                    if outer.delay:
                        outer.over.wait(outer.delay(number))
                    given = outer.reply(number, body)
                finally:
                    with lock:
                        outer.active -= 1
                if isinstance(given, dict):
                    given = (200, {"Content-Type": "application/json"}, json.dumps(given).encode())
                status, headers, content = given
                try:
                    self.send_response(status)
                    for name, value in {"Content-Length": len(content), **headers}.items():
                        self.send_header(name, str(value))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    pass
                self.close_connection = headers.get("Content-Length", len(content)) != len(content)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
