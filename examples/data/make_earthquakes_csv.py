#!/usr/bin/env python3
"""Turns the USGS feed (GeoJSON) into earthquakes.csv: make_earthquakes_csv.py earthquakes.json > earthquakes.csv

Kept so that the data set can be made again; README.md beside it says where the input is from. No value is rounded:
numbers are copied digit by digit, times are printed in ISO 8601 from the feed's milliseconds since 1970.
"""
import csv
import datetime
import json
import sys

COLUMNS = ["id", "time", "latitude", "longitude", "depth_km", "magnitude", "magnitude_type", "place", "felt_reports",
           "significance", "tsunami", "gap_degrees", "network", "status", "event_type", "updated_on"]


def utc(milliseconds):
    seconds, rest = divmod(int(milliseconds), 1000)
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc), rest


def main():
    with open(sys.argv[1], encoding="utf-8") as source:
        # parse_float=str keeps the digits as they are in the feed.
        features = json.load(source, parse_float=str)["features"]
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(COLUMNS)
    for feature in sorted(features, key=lambda f: (int(f["properties"]["time"]), f["id"])):
        p = feature["properties"]
        longitude, latitude, depth = feature["geometry"]["coordinates"]
        when, millis = utc(p["time"])
        out.writerow([
            feature["id"], f"{when:%Y-%m-%dT%H:%M:%S}.{millis:03}Z", latitude, longitude, depth, p["mag"], p["magType"],
            p["place"], p["felt"], p["sig"], "true" if p["tsunami"] else "false", p["gap"], p["net"], p["status"],
            p["type"], f"{utc(p['updated'])[0]:%Y-%m-%d}"
        ])


main()
