"""What can be set and read while a world runs: pods' modes, deployments' replicas, attributes of load balancers.

`words` reads what a user types or a scenario says, `pods`, `deployments` and `balancers` carry it out, each for its
kind of target, and `verbs` ties them together. They ask elements through `Calls` only, so that a world of processes and
one on the virtual clock are the same to them.
"""
