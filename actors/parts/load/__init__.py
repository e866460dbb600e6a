"""Load that a laptop makes: a closed loop of users, or an open model in which requests come whatever happens to them.

`site.py` knows how to reach a site, `counts.py` what is counted, `closed.py` and `open_model.py` are the executors.
"""
