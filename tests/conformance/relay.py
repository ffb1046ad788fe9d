"""A proxy that checks nothing: bytes go both ways as they come. The suites must find fault with it, or they find
nothing."""

import asyncio
import threading

from . import sockets
from .cases import FIND_TAG


class Relay:
    """Stands where a Proxy does. The first bytes' mark chooses the route."""

    is_weir = False

    def __init__(self, routes):
        self.routes = {path.encode(): port for path, port in routes}
        self.sock = sockets.listen()
        self.port = self.sock.getsockname()[1]
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self._serve(),))
        self.thread.start()

    def stop(self):
        self.loop.call_soon_threadsafe(self.server.cancel)
        self.thread.join()
        self.loop.close()
        return []

    async def _serve(self):
        self.server = asyncio.current_task()
        try:
            await sockets.accept_forever(self.sock, self._connection)
        except asyncio.CancelledError:
            pass

    async def _connection(self, client):
        first = sockets.Reader(client, None)
        try:
            while not FIND_TAG.search(first.buf) and await first.more():
                pass
            mark = FIND_TAG.search(first.buf)
            port = self.routes.get(b"/" + mark.group() if mark else b"", next(iter(self.routes.values())))
            endpoint = await sockets.connect(port)
        except OSError:
            client.close()
            return
        try:
            await sockets.send(endpoint, first.buf)
            copies = [asyncio.ensure_future(self._copy(a, b)) for a, b in ((client, endpoint), (endpoint, client))]
            try:
                await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await sockets.cancel(*copies)
        finally:
            client.close()
            endpoint.close()

    async def _copy(self, source, target):
        reader = sockets.Reader(source, None)
        while await reader.more():
            await sockets.send(target, reader.buf)
            reader.buf = b""
