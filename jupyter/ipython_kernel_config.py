"""Every kernel of the environment names the cell to run first, from its first cell on."""

c = get_config()
c.InteractiveShellApp.extensions.append("course_utils.hints")
