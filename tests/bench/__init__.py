"""tests of cleanup/, one module for each of its modules"""
