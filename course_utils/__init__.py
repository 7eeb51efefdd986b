"""Look inside a convolutional network: helpers of the course "Visualizing What CNNs Learn".

Names load their module, and with it TensorFlow, when they are first used.
"""

import sys

try:
    import lazy_loader
except ModuleNotFoundError as error:  # the commonest fault: a Python that is not the course's
    raise ImportError(
        f"The course is not installed for this Python, {sys.executable}. Activate its environment, "
        "or install it: python -m pip install --editable . (in the course's folder)."
    ) from error

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "classifiers": ["ImageClassifier", "Prediction", "load_classifier"],
        "downloads": ["DownloadError"],
        "explorers": ["ClassExplorer", "LayerExplorer"],
        "feature_maps": ["get_feature_maps"],
        "gradcam": ["make_gradcam_heatmap"],
        "images": ["load_image", "sample_image_names"],
        "imagenet": ["class_index", "class_label", "search_classes"],
        "integrated": ["completeness_gap", "integrated_gradients"],
        "plots": ["plot_feature_maps", "plot_heatmap", "plot_kernels", "plot_predictions"],
        "saliency": ["compute_saliency_map"],
        "smoothgrad": ["smooth_grad"],
        "tiles": ["encode_png", "overlay_heatmap", "tile_feature_maps"],
    },
)
