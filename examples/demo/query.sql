-- The most felt earthquakes of the week in the United States, each with its nearest airport.
-- Joins the two loaded tables; distances are great circles in km.
WITH felt AS (
  SELECT id, time, magnitude, place, felt_reports,
         latitude AS lat, longitude AS lon
  FROM earthquakes
  WHERE felt_reports >= 20
    AND latitude BETWEEN 17 AND 72 AND longitude BETWEEN -180 AND -64
),
distances AS (
  SELECT felt.*, a.iata, a.name AS airport,
         6371 * 2 * asin(sqrt(pow(sin(radians(a.latitude - lat) / 2), 2)
           + cos(radians(lat)) * cos(radians(a.latitude))
           * pow(sin(radians(a.longitude - lon) / 2), 2))) AS km
  FROM felt, airports AS a
)
SELECT substr(time, 1, 16) AS "time (UTC)", magnitude AS mag, place, felt_reports AS "felt by",
       iata AS "near", airport, CAST(round(min(km)) AS INTEGER) AS km
FROM distances
GROUP BY id
ORDER BY felt_reports DESC, mag DESC
LIMIT 8;
