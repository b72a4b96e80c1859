"""tests of postlogd/, one module for each of its modules"""
