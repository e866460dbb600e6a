"""What carries frames between elements: ZeroMQ between processes, memory inside one; and what befalls them there."""
