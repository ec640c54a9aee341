# node-gyp users get the same build as npm install: cmake-js over native/CMakeLists.txt.
{
  "targets": [
    {
      "target_name": "muleplex",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake-js",
          "inputs": ["native/CMakeLists.txt"],
          "outputs": ["build/native/Release/muleplex.node"],
          "action": ["npm", "run", "install"]
        }
      ]
    }
  ]
}
