"""Elastic Load Balancing (API version 2015-12-01) for Application Load Balancers: what it keeps, does and refuses."""
