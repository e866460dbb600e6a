"""What runs inside a pod's sandbox: containers, their programs and their logs."""
