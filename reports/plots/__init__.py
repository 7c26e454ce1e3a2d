"""Plots of figures over time and of figures side by side, drawn by uPlot (MIT), with a picture for readers without a script."""
