"""The controllers: each makes one part of the cluster what it is said to be, and keeps it so."""
