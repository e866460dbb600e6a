"""What one types into the shell of an element: ping, traceroute, dig; and doors through which real programs ask DNS."""
