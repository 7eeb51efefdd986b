from .display.plots import plot_feature_maps as plot_feature_maps
from .display.plots import plot_heatmap as plot_heatmap
from .display.plots import plot_kernels as plot_kernels
from .display.plots import plot_predictions as plot_predictions
from .display.tiles import encode_png as encode_png
from .display.tiles import overlay_heatmap as overlay_heatmap
from .display.tiles import resize_heatmap as resize_heatmap
from .display.tiles import tile_feature_maps as tile_feature_maps
from .explorers.class_explorer import ClassExplorer as ClassExplorer
from .explorers.layer_explorer import LayerExplorer as LayerExplorer
from .io.downloads import DownloadError as DownloadError
from .io.imagenet import class_index as class_index
from .io.imagenet import class_label as class_label
from .io.imagenet import search_classes as search_classes
from .io.images import load_image as load_image
from .io.images import sample_image_names as sample_image_names
from .methods.feature_maps import get_feature_maps as get_feature_maps
from .methods.gradcam import make_gradcam_heatmap as make_gradcam_heatmap
from .methods.integrated_gradients import completeness_gap as completeness_gap
from .methods.integrated_gradients import integrated_gradients as integrated_gradients
from .methods.saliency import compute_saliency_map as compute_saliency_map
from .methods.smooth_grad import smooth_grad as smooth_grad
from .methods.table import METHODS as METHODS
from .networks.classifier import ImageClassifier as ImageClassifier
from .networks.classifier import Prediction as Prediction
from .networks.registry import load_classifier as load_classifier

__version__: str
