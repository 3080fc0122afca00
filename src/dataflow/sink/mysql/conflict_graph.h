// Which pieces of work must wait for which: those that hold the same unique key's value run in the
// order they came.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dataflow/sink/mysql/conflict_keys.h"

namespace cdc {

// An exact dependency graph: a node waits for the latest node before it of each of its keys, and
// for nothing else. Not thread-safe. Nodes belong to the caller and outlive their time in the
// graph.
class ConflictGraph {
 public:
  struct Node {
    std::vector<ConflictKey> keys;  // set before Add
    // The caller sets it when it starts to run the node before all its predecessors have finished,
    // in their company; Finish then does not report it as ready.
    bool taken = false;

    // The graph's.
    std::vector<Node*> followers;  // each once
    int waiting_for = 0;           // unfinished predecessors
  };

  // Adds a node behind all before it. True: nothing to wait for.
  bool Add(Node* node);
  // Removes the node, which has run; appends the nodes that have become ready.
  void Finish(Node* node, std::vector<Node*>* ready);
  bool empty() const { return last_.empty() && indexes_.empty(); }

 private:
  // The nodes of a key whose values can't all be told apart: readers know their value, a writer
  // conflicts with everyone.
  struct Index {
    Node* last_writer = nullptr;
    std::unordered_set<Node*> readers_since;
  };

  static void Depend(Node* node, Node* predecessor);
  void AddToIndex(Node* node, const ConflictKey& key);
  void RemoveFromIndex(Node* node, uint64_t index_hash);

  std::unordered_map<uint64_t, Node*> last_;
  std::unordered_map<uint64_t, Index> indexes_;
};

}  // namespace cdc
