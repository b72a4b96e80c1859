"""tests of common/, one module for each of its modules"""
