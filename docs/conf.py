"""How Sphinx makes the documentation (`make docs`). Pages are Markdown, so that GitHub shows them too."""

project = "MedMNIST Fusion"
author = "the authors of MedMNIST Fusion"
extensions = ["myst_parser"]
myst_heading_anchors = 4
exclude_patterns = ["_build"]
highlight_language = "text"
html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
