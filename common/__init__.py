"""common - what every daemon shares: wire formats, configuration, logging, the child's side"""
