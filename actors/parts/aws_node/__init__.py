"""The parts of `aws-node`, the Amazon VPC CNI of one node: ipamd with its loops, and the CNI plugin."""
