"""How any part of a Keras network runs. You need not read it to teach.

`keras.Model(inputs, layer.output)` would do for most of what the chapters show, and they teach it.
The engine does what it can't: cut a network where shortcuts cross the cut, look into a model that
is used as a layer, and answer while a slider is being dragged.
"""
