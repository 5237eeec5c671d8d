"""Says that the evidence of past days was put in place or taken away as a whole, past the triggers of its tables: to
whoever keeps something that was made of it. Receivers get `since`, the midnight from which on to look anew.
"""

from __future__ import annotations

from django.dispatch import Signal

history_replaced = Signal()
