"""ipamd without its daemon: which addresses a node has, who has them, and when there are too few or too many.

Names, rules and figures are those of aws/amazon-vpc-cni-k8s: pkg/ipamd/ipamd.go, pkg/ipamd/datastore/data_store.go.
"""
