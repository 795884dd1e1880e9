"""How the documentation site is built: `make docs`."""

import sys
from pathlib import Path

import apical

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "apical"
author = "The apical developers"
project_copyright = "the apical developers, MIT licence"
version = release = apical.__version__.partition("+")[0]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
    "mathml",
    "names_in_text",
    "docstrings",
    "generated",
    "results",
]
exclude_patterns = ["_build", "_ext", "**/.ipynb_checkpoints"]
nitpicky = False

# Notebooks are stored with their outputs, and tests run them; building the site runs nothing.
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "myst"  # tables too
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist", "substitution"]
myst_heading_anchors = 4
suppress_warnings = ["mystnb.unknown_mime_type"]

autosummary_generate = True
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # types stand in the docstrings, with shapes and units
default_role = "py:obj"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False  # names that share a description stay together

templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_title = f"apical {version}"
html_static_path = ["_static"]
html_css_files = ["apical.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_prev_next": True,
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
