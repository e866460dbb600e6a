"""The API server's parts: what it keeps, how it answers requests, and its door for kubectl."""
