"""The kubelet's working parts, in the node's process."""
