-- The most felt earthquakes of the week in the United States, each with its nearest airport.
-- Joins the two loaded tables; distances are great circles in km.
WITH felt AS (
  SELECT id, time, CAST(magnitude AS REAL) AS magnitude, place, felt_reports,
         CAST(latitude AS REAL) AS lat, CAST(longitude AS REAL) AS lon
  FROM earthquakes
  WHERE felt_reports >= 20
    AND CAST(latitude AS REAL) BETWEEN 17 AND 72 AND CAST(longitude AS REAL) BETWEEN -180 AND -64
),
distances AS (
  SELECT felt.*, a.iata, a.name AS airport,
         6371 * 2 * asin(sqrt(pow(sin(radians(CAST(a.latitude AS REAL) - lat) / 2), 2)
           + cos(radians(lat)) * cos(radians(CAST(a.latitude AS REAL)))
           * pow(sin(radians(CAST(a.longitude AS REAL) - lon) / 2), 2))) AS km
  FROM felt, airports AS a
)
SELECT substr(time, 1, 16) AS "time (UTC)", magnitude AS mag, place, felt_reports AS "felt by",
       iata AS "near", airport, CAST(round(min(km)) AS INTEGER) AS km
FROM distances
GROUP BY id
ORDER BY felt_reports DESC, mag DESC
LIMIT 8;
