"""Helpers of the notebooks: NumPy in, NumPy out. No framework is imported here.

data       the two rings: made, loaded, checked; the best accuracy possible (every pair)
plotting   one style; rings, curves, mistakes, boundaries, disagreement (pairs 01, 02, 03, 04, 05)
figures    figures that say in words what they show (through plotting)
files      a file is written as a whole or not at all (pairs 01, 03, 04, 07)
quiet      TensorFlow's start, without its log (every pair)
reference  the network in NumPy, Adam, weights and their files (pairs 03, 05, 06, 07)
graph      a model's layers as a picture (pair 02)
timing     epochs timed, the ladder's table and picture, costs, memory (pair 06)
scaling    the cost of a ring all-reduce, and pictures of scaling (pair 07)
launch     programs started, limited in time, and ended (pairs 04, 07)
"""
