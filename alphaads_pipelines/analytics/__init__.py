"""Analytics: KPIs, attribution, time series. Nothing is computed yet; the seam is here."""
