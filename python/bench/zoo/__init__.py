# SPDX-License-Identifier: MIT
"""What coverage.py is made of: a table of models, what makes them, and what is measured on them."""
