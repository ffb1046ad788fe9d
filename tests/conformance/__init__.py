"""Conformance: odd requests and misbehaving endpoints, against weir and its peers. See README.md."""
