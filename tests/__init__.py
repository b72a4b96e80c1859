"""The tests of Postroom: one folder for each package, suite/ for real processes."""
