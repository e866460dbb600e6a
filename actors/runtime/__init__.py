"""What an element runs on: one process in real time, or all in one process on a virtual clock."""
