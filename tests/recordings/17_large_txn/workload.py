import os, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from wlib import *

HOST, PORT, SEED = args()
DB = "c17_large_txn"
c = fresh(DB)
c.run("USE " + DB)
R = rng(SEED, "large")

c.run("CREATE TABLE big (id BIGINT PRIMARY KEY, k INT, v VARCHAR(60), d DECIMAL(10,2), KEY kk (k))")
c.run("CREATE TABLE side (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(30))")
c.run("CREATE TABLE ch (a VARCHAR(20) NOT NULL, b INT NOT NULL, v VARCHAR(40), PRIMARY KEY (a, b) CLUSTERED)")

# a small neighbour that commits all through the big ones
stop = threading.Event()
def neighbour():
    n = Conn(DB)
    i = 0
    while not stop.is_set() and i < 400:
        i += 1
        n.run("INSERT INTO side (v) VALUES (%s)", ("small %d" % i,))
        if i % 3 == 0:
            n.run("UPDATE side SET v = CONCAT(v, '*') WHERE id = %s", (i // 2,))
        stop.wait(0.05)
t = threading.Thread(target=neighbour)
t.start()

rows = [(i, R.randint(0, 5000), text(R, 5, 40), "%.2f" % R.uniform(-9999, 9999)) for i in range(10000)]
c.run("BEGIN PESSIMISTIC")
c.many("INSERT INTO big VALUES ", rows, 2000)
c.run("COMMIT")

c.run("BEGIN")
for lo in range(0, 4000, 1000):
    c.run("UPDATE big SET v = CONCAT('u', LEFT(v, 30)), k = k + 1 WHERE id BETWEEN %s AND %s", (lo, lo + 999))
for lo in range(8000, 10000, 1000):
    c.run("DELETE FROM big WHERE id BETWEEN %s AND %s", (lo, lo + 999))
c.run("COMMIT")

c.run("BEGIN OPTIMISTIC")
c.many("INSERT INTO ch VALUES ", [("key%05d" % (i % 1400), i, text(R, 0, 30)) for i in range(6000)], 2000)
c.run("COMMIT")

# 200 tables in one transaction
def make(lo):
    def f():
        k = Conn(DB)
        for i in range(lo, 200, 8):
            k.run("CREATE TABLE m%03d (id INT PRIMARY KEY, v VARCHAR(20)%s)" % (i, ", KEY (v)" if i % 2 else ""))
        k.close()
    return f
parallel([make(i) for i in range(8)])
c.run("BEGIN")
for i in range(200):
    c.run("INSERT INTO m%03d VALUES (1, 'first'), (2, 'second')" % i)
c.run("COMMIT")
c.run("BEGIN")
for i in R.sample(range(200), 200):
    if i % 3 == 0:
        c.run("UPDATE m%03d SET v = 'updated' WHERE id = 1" % i)
    elif i % 3 == 1:
        c.run("DELETE FROM m%03d WHERE id = 2" % i)
    else:
        c.run("INSERT INTO m%03d VALUES (3, 'third')" % i)
c.run("COMMIT")

# a big one that comes to nothing
c.run("BEGIN")
c.run("UPDATE big SET k = -k")
c.run("DELETE FROM ch WHERE b < 2000")
c.run("ROLLBACK")
# one where savepoints throw most of it away
c.run("BEGIN")
c.run("UPDATE big SET v = 'kept' WHERE id < 1000")
c.run("SAVEPOINT s")
c.run("UPDATE big SET v = 'lost' WHERE id < 6000")
c.run("ROLLBACK TO SAVEPOINT s")
c.run("DELETE FROM big WHERE id BETWEEN 6000 AND 6200")
c.run("COMMIT")
# every row of a table, then none
c.run("BEGIN")
c.run("UPDATE ch SET v = UPPER(v), b = b + 100000 WHERE b < 1000")
c.run("COMMIT")
c.run("DELETE FROM ch WHERE b >= 4000 AND b < 100000")
stop.set()
t.join()
STATS.finish(rows=c.one("SELECT COUNT(*) FROM big"))
