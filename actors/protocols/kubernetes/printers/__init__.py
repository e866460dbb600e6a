"""What `kubectl get` shows of each kind: its columns and how their cells are made of an object."""
