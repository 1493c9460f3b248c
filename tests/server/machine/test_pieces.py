import asyncio
import socket

from tests.ports import free_port
from tests.server.machine.network.test_sockets import given, opened


async def test_the_pieces_of_a_stream_wait_for_no_acknowledgement() -> None:
    """With Nagle's algorithm on, every second token came 40 ms late."""
    delays: list[int] = []

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = writer.get_extra_info("socket")
        delays.append(line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    port = free_port()
    with opened(given(port)) as listeners:
        for _, listener in listeners.by_name():
            async with await asyncio.start_server(note, sock=listener):
                reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
                await reader.read()
                writer.close()
        assert len(delays) == len(list(listeners.by_name()))
    assert all(delays)
