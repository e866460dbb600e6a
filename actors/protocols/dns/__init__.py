"""DNS as RFC 1034, 1035 and 2308 have it: cache, authoritative server, iterative resolver, forwarder, stub.

Nothing here knows sockets or clocks. The three that ask others are coroutines over a `query(server, message)` that is
handed in: it sends the message, with a fresh source port, to the server's port 53 and returns the answer that matches
it, or raises `TimeoutError` or another `OSError`.
"""
