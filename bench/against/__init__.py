"""Two builds side by side: the same load on each in turns, and what their ratios say. `./script/bench --against`."""
