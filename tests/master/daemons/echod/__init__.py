"""echod - a daemon for the tests of master"""
