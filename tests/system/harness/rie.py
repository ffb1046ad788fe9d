"""A stand-in for the Lambda runtime interface emulator, with the defects of the real one (aws-lambda-runtime-interface-emulator, classic mode):

- one path; any method; the query, the qualifier, the invocation type, the log type and Authorization are not looked at;
- 200 without a content type of its own (Go's guess: text/plain) whether the function succeeded or failed;
- a time-out is 200 with a line of text; a runtime that exits is 502; a client context that is no base64 is 500 without a body;
- it goes on with an invocation whose client has gone;
- a second invocation while one runs ends the process.
"""

import base64
import json
import threading

PATH = "/2015-03-31/functions/function/invocations"


class Exit(Exception):
    """Raised by a function whose runtime ends."""


class TimedOut(Exception):
    def __init__(self, seconds):
        super().__init__(seconds)
        self.seconds = seconds


class Rie:
    """run(event, request) is the function: its result goes out as JSON, bytes as they are; what it raises is its error. Give serve to world.fake."""

    def __init__(self, run=lambda event, request: {"event": event}):
        self.run = run
        self.lock = threading.Lock()
        self.is_running = False
        self.has_died = False
        self.invocations = []  # the requests

    def invoke(self, request):
        """Status and body."""
        context = request.headers.get("x-amz-client-context")
        if context:
            try:
                base64.b64decode(context, validate=True)
            except ValueError:
                return 500, b""
        self.invocations.append(request)
        try:
            result = self.run(json.loads(request.body) if request.body else None, request)
        except TimedOut as e:
            return 200, f"Task timed out after {e.seconds}.00 seconds".encode()
        except Exit:
            return 502, b'{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 1 Error: Runtime exited with error: exit status 1"}'
        except Exception as e:  # the function's
            return 200, json.dumps({"errorMessage": str(e), "errorType": type(e).__name__, "requestId": "", "stackTrace": []}).encode()
        return 200, result if isinstance(result, bytes) else json.dumps(result).encode()

    def serve(self, connection):
        while (request := connection.read_request()) is not None:
            if request.target != PATH:
                connection.send(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 19\r\n\r\n404 page not found\n")
                continue
            with self.lock:
                if self.has_died or self.is_running:
                    self.has_died = True  # "panic: runtime error: invalid memory address or nil pointer dereference"
                    connection.reset()
                    return
                self.is_running = True
            try:
                status, body = self.invoke(request)
            finally:
                with self.lock:
                    self.is_running = False
            if self.has_died:
                connection.reset()
                return
            head = f"HTTP/1.1 {status} X\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.send(head.encode() + body)
