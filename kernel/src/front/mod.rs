//! What speaks Jupyter's protocol with the frontend and with evcxr_jupyter.
