"""A notebook that is only opened counts as unchanged.

JupyterLab writes the kernel's name and its version of Python into a notebook as soon as it opens,
and marks it as changed (a dot on its tab) where the file says anything else. It would then be
saved, and git would list every chapter that somebody has looked at. So the server hands notebooks
out with what their kernel will say.
"""

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelspec import get_kernel_dict
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager


class Notebooks(AsyncLargeFileManager):
    """Files on disk; a notebook for Python names the Python of this environment."""

    async def get(self, path, *args, **kwargs):
        """Return a file's model."""
        model = await super().get(path, *args, **kwargs)
        if model["type"] == "notebook" and model["content"]:
            metadata = model["content"]["metadata"]
            if metadata.get("kernelspec", {}).get("name") == "python3":
                spec = get_kernel_dict()
                metadata["kernelspec"].update(display_name=spec["display_name"])
                metadata["language_info"] = IPythonKernel.language_info
        return model


c = get_config()
c.ServerApp.contents_manager_class = Notebooks
