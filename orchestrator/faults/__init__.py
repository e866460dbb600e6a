"""What goes wrong on purpose: links that are slow, lossy, narrow or cut, elements that crash, zones that are lost.

`words` reads what a user types or a scenario says, `places` finds the links and elements that a target stands for,
`book` brings faults about, remembers them, and ends them in time.
"""
