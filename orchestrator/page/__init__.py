"""The live page: what happens in a running world, drawn in a browser, and a few things to do to it.

`door` listens and loads the rest when somebody comes; `server` answers over HTTP, behind `guard`; `feed` tells browsers
what is new while there are any: `numbers` (rates and queues, from the metrics that elements report), `samples` (single
requests, from the journal) and `map` (who is there). `commands` are the buttons. `static` is what the browser gets.
"""
