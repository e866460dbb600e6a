"""A kubelet's decisions, sans-IO: what a pod needs next, what its status says, when a container may start again."""
