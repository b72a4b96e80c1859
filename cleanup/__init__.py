"""cleanup - takes a message from a receiver, checks and completes it, writes the queue file"""
