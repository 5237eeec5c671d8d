"""The signal that evidence of past days was put in place or taken away as a whole, past the triggers of its tables.
Receivers get `since`, the midnight from which on they must look anew.
"""

from __future__ import annotations

from django.dispatch import Signal

history_replaced = Signal()
