"""The cost model, the quotas, the simulation, and the document made of them."""
